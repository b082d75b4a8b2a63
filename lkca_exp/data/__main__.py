from lkca_exp.cli.data import main

if __name__ == "__main__":
    main()
