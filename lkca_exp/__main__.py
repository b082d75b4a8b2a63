from lkca_exp.cli.train import main

if __name__ == "__main__":
    main()
